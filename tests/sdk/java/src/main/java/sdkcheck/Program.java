package sdkcheck;

import static sdkcheck.Checks.check;
import static sdkcheck.Checks.expect;
import static sdkcheck.Checks.refused;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import io.dapr.client.DaprClient;
import io.dapr.client.DaprClientBuilder;
import io.dapr.client.domain.HttpExtension;
import io.dapr.client.domain.State;
import io.dapr.client.domain.StateOptions;
import io.dapr.client.domain.TransactionalStateOperation;
import io.dapr.config.Properties;
import io.dapr.v1.AppCallbackGrpc;
import io.dapr.v1.CommonProtos;
import java.util.List;
import java.util.Map;

/**
 * The Java SDK as its users use it. Where the runtime is, and its token, come from the environment
 * (DAPR_HTTP_ENDPOINT, DAPR_GRPC_ENDPOINT, DAPR_API_TOKEN); prints a PASS line per check.
 */
public final class Program {
  private static final String STORE = "memory";
  private static final String HTTP_APP = "http-app";
  private static final String GRPC_APP = "grpc-app";

  public static void main(String[] arguments) throws Exception {
    try (DaprClient client = new DaprClientBuilder().build()) {
      check("wait-for-sidecar", () -> client.waitForSidecar(10000).block());
      check("metadata", () -> {
        var found = client.getMetadata().block();
        expect(HTTP_APP.equals(found.getId()), found.getId());
        expect(found.getComponents().stream().anyMatch(c -> STORE.equals(c.getName())), "components");
      });
      check("invoke-http", () -> {
        Map<?, ?> seen = client.invokeMethod(HTTP_APP, "a/b", Map.of("n", 1),
            new HttpExtension(HttpExtension.POST.getMethod(), Map.of("q", List.of("1")), Map.of()), Map.class).block();
        expect("POST".equals(seen.get("method")) && "/a/b?q=1".equals(seen.get("target")), seen);
      });
      check("invoke-error", () -> refused("a 404", () ->
          client.invokeMethod(HTTP_APP, "status/404", HttpExtension.GET, Map.of(), String.class).block()));
      check("invoke-other-app", () -> {
        byte[] answer = client.invokeMethod(GRPC_APP, "hello", "\"x\"".getBytes(), HttpExtension.POST, Map.of()).block();
        expect("\"x\"".equals(new String(answer)), new String(answer));
      });
      check("invoke-grpc-proxy", () -> {
        var stub = client.newGrpcStub(GRPC_APP, AppCallbackGrpc::newBlockingStub);
        var answer = stub.onInvoke(CommonProtos.InvokeRequest.newBuilder().setMethod("proxied")
            .setData(Any.newBuilder().setValue(ByteString.copyFromUtf8("through"))).build());
        expect("through".equals(answer.getData().getValue().toStringUtf8()), answer);
      });
      check("state", () -> {
        client.saveState(STORE, "java", "one").block();
        expect("one".equals(client.getState(STORE, "java", String.class).block().getValue()), "value");
        client.deleteState(STORE, "java").block();
        expect(client.getState(STORE, "java", String.class).block().getValue() == null, "after the delete");
      });
      check("state-etags", () -> {
        var options = new StateOptions(StateOptions.Consistency.STRONG, StateOptions.Concurrency.FIRST_WRITE);
        client.saveState(STORE, "java-etag", "one").block();
        String etag = client.getState(STORE, "java-etag", String.class).block().getEtag();
        client.saveState(STORE, "java-etag", etag, "two", options).block();
        refused("an old etag", () -> client.saveState(STORE, "java-etag", etag, "three", options).block());
      });
      check("state-bulk", () -> {
        client.saveBulkState(STORE, List.of(new State<>("java1", "1", ""), new State<>("java2", "2", ""))).block();
        var found = client.getBulkState(STORE, List.of("java1", "java2"), String.class).block();
        expect(found.size() == 2 && found.stream().allMatch(s -> s.getValue() != null), found);
      });
      check("state-transaction", () -> {
        client.executeStateTransaction(STORE, List.of(
            new TransactionalStateOperation<>(TransactionalStateOperation.OperationType.UPSERT, new State<>("java3", "3", "")),
            new TransactionalStateOperation<>(TransactionalStateOperation.OperationType.DELETE, new State<>("java1")))).block();
        expect("3".equals(client.getState(STORE, "java3", String.class).block().getValue()), "java3");
        expect(client.getState(STORE, "java1", String.class).block().getValue() == null, "java1");
      });
    }
    check("token", () -> {
      try (DaprClient other = new DaprClientBuilder().withPropertyOverride(Properties.API_TOKEN, "wrong").build()) {
        refused("a wrong token", () -> other.getMetadata().block());
      }
    });
    Checks.exit();
  }
}
