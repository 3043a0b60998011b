package sdkcheck;

import static sdkcheck.Checks.check;
import static sdkcheck.Checks.expect;
import static sdkcheck.Checks.refused;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import io.dapr.client.DaprClient;
import io.dapr.client.DaprClientBuilder;
import io.dapr.client.DaprPreviewClient;
import io.dapr.client.domain.State;
import io.dapr.client.domain.StateOptions;
import io.dapr.client.domain.TransactionalStateOperation;
import io.dapr.client.domain.TransactionalStateOperation.OperationType;
import io.dapr.client.domain.query.Pagination;
import io.dapr.client.domain.query.Query;
import io.dapr.client.domain.query.Sorting;
import io.dapr.client.domain.query.filters.AndFilter;
import io.dapr.client.domain.query.filters.EqFilter;
import io.dapr.exceptions.DaprException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * State with the Java SDK as its users use it, on each store that the environment names: STATE_STORES,
 * STATE_WITH_TTL_TIME, STATE_WITH_QUERY and STATE_ENCRYPTED are lists with commas. Prints
 * `PASS store/check` per check.
 */
public final class StateProgram {
  private static final StateOptions FIRST = new StateOptions(null, StateOptions.Concurrency.FIRST_WRITE);
  private static final StateOptions STRONG =
      new StateOptions(StateOptions.Consistency.STRONG, StateOptions.Concurrency.LAST_WRITE);

  /** A value to query for. */
  @JsonAutoDetect(fieldVisibility = JsonAutoDetect.Visibility.ANY)
  public static final class Place {
    String mark = "java";
    int n;
    String city;
  }

  private final DaprClient client;
  private final String store;

  private StateProgram(DaprClient client, String store) {
    this.client = client;
    this.store = store;
  }

  private static List<String> listed(String variable) {
    String value = System.getenv().getOrDefault(variable, "");
    return value.isEmpty() ? List.of() : Arrays.asList(value.split(","));
  }

  private State<String> get(String key) {
    return client.getState(store, key, String.class).block();
  }

  private void save(String key, String etag, String value, StateOptions options) {
    client.saveState(store, key, etag, value, options).block();
  }

  private void holds(String key, String wanted) {
    String value = get(key).getValue();
    expect(wanted == null ? value == null : wanted.equals(value), key + " is " + value);
  }

  /** An etag that was right before the value became "two". */
  private String oldEtag(String key) {
    client.saveState(store, key, "one").block();
    String etag = get(key).getEtag();
    client.saveState(store, key, "two").block();
    return etag;
  }

  private static void refusedWith(List<String> codes, Checks.Check body) {
    Exception error = refused("it", body);
    expect(error instanceof DaprException e && codes.contains(e.getErrorCode()), error);
  }

  private static TransactionalStateOperation<String> upsert(String key, String value, String etag) {
    return new TransactionalStateOperation<>(OperationType.UPSERT, new State<>(key, value, etag));
  }

  private void etagMatch() {
    client.saveState(store, "java-match", "one").block();
    String etag = get("java-match").getEtag();
    save("java-match", etag, "two", FIRST);
    holds("java-match", "two");
    expect(!etag.equals(get("java-match").getEtag()), etag);
  }

  private void etagMismatch() {
    String etag = oldEtag("java-old");
    refusedWith(List.of("ABORTED"), () -> save("java-old", etag, "three", FIRST));
    holds("java-old", "two");
  }

  private void etagDelete() {
    String etag = oldEtag("java-gone");
    refusedWith(List.of("ABORTED"), () -> client.deleteState(store, "java-gone", etag, FIRST).block());
    client.deleteState(store, "java-gone", get("java-gone").getEtag(), FIRST).block();
    holds("java-gone", null);
  }

  private void firstWrite() {
    client.deleteState(store, "java-first").block();
    save("java-first", null, "one", FIRST);
    refusedWith(List.of("ABORTED", "INTERNAL"), () -> save("java-first", null, "two", FIRST));
    holds("java-first", "one");
  }

  private void strong() {
    save("java-strong", null, "kept", STRONG);
    var found = client.getState(store, "java-strong", STRONG, String.class).block();
    expect("kept".equals(found.getValue()), found);
  }

  private void transaction() {
    client.saveBulkState(store, List.of(new State<>("java-t1", "old", ""), new State<>("java-t2", "old", ""))).block();
    client.executeStateTransaction(store, List.of(upsert("java-t1", "new", null),
        new TransactionalStateOperation<>(OperationType.DELETE, new State<String>("java-t2")),
        upsert("java-t3", "x", null))).block();
    holds("java-t1", "new");
    holds("java-t2", null);
    holds("java-t3", "x");
  }

  private void transactionMismatch() {
    String etag = oldEtag("java-tm");
    refusedWith(List.of("INTERNAL", "ABORTED"),
        () -> client.executeStateTransaction(store, List.of(upsert("java-tm", "three", etag))).block());
    holds("java-tm", "two");
  }

  private void bulk() {
    List<State<?>> items = new ArrayList<>();
    List<String> keys = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      keys.add("java-bulk" + i);
      items.add(new State<>("java-bulk" + i, "v" + i, ""));
    }
    client.saveBulkState(store, items).block();
    keys.add("java-nobody");
    var found = client.getBulkState(store, keys, String.class).block();
    expect(found.size() == 21, found.size());
    for (var item : found) {
      boolean missing = item.getKey().equals("java-nobody");
      String wanted = missing ? null : item.getKey().replace("java-bulk", "v");
      expect(missing ? item.getValue() == null : wanted.equals(item.getValue()) && !item.getEtag().isEmpty(), item);
    }
  }

  private void ttl() throws InterruptedException {
    client.saveState(store, "java-ttl", null, "x", Map.of("ttlInSeconds", "1"), null).block();
    holds("java-ttl", "x");
    Instant until = Instant.now().plusSeconds(10);
    while (get("java-ttl").getValue() != null && Instant.now().isBefore(until)) {
      Thread.sleep(50);
    }
    holds("java-ttl", null);
  }

  private void ttlTime() {
    client.saveState(store, "java-time", null, "x", Map.of("ttlInSeconds", "100"), null).block();
    Map<String, String> metadata = get("java-time").getMetadata();
    Instant end = OffsetDateTime.parse(metadata.get("ttlExpireTime")).toInstant();
    long left = Duration.between(Instant.now(), end).toSeconds();
    expect(left > 80 && left <= 101, metadata);
  }

  private void query(DaprPreviewClient preview) {
    for (int n = 0; n < 5; n++) {
      Place place = new Place();
      place.n = n;
      place.city = n % 2 == 0 ? "Kiel" : "Bonn";
      client.saveState(store, "java-q" + n, null, place, Map.of("contentType", "application/json"), null).block();
    }
    var ours = new EqFilter<>("mark", "java");
    var both = new AndFilter();
    both.addClause(ours);
    both.addClause(new EqFilter<>("city", "Kiel"));
    var kiel = new Query().setFilter(both).setSort(List.of(new Sorting("n", Sorting.Order.DESC)));
    var found = preview.queryState(store, kiel, Place.class).block().getResults();
    var keys = found.stream().map(item -> item.getKey()).toList();
    expect(keys.equals(List.of("java-q4", "java-q2", "java-q0")), keys);
    expect(found.get(0).getValue().n == 4 && "Kiel".equals(found.get(0).getValue().city), found.get(0));
    List<Integer> seen = new ArrayList<>();
    String token = "";
    for (int page = 0; page < 3; page++) {
      var pages = new Query().setFilter(ours).setSort(List.of(new Sorting("n", Sorting.Order.ASC)))
          .setPagination(new Pagination(2, token));
      var answer = preview.queryState(store, pages, Place.class).block();
      answer.getResults().forEach(item -> seen.add(item.getValue().n));
      token = answer.getToken();
    }
    expect(seen.equals(List.of(0, 1, 2, 3, 4)), seen);
  }

  private void encryption() {
    client.saveState(store, "java-secret", "plain text").block();
    client.executeStateTransaction(store, List.of(upsert("java-secret-t", "plain text", null))).block();
    holds("java-secret", "plain text");
    holds("java-secret-t", "plain text");
  }

  public static void main(String[] arguments) throws Exception {
    try (DaprClient client = new DaprClientBuilder().build();
        DaprPreviewClient preview = new DaprClientBuilder().buildPreviewClient()) {
      for (String store : listed("STATE_STORES")) {
        StateProgram on = new StateProgram(client, store);
        check(store + "/etag-match", on::etagMatch);
        check(store + "/etag-mismatch", on::etagMismatch);
        check(store + "/etag-delete", on::etagDelete);
        check(store + "/first-write", on::firstWrite);
        check(store + "/strong", on::strong);
        check(store + "/transaction", on::transaction);
        check(store + "/transaction-mismatch", on::transactionMismatch);
        check(store + "/bulk", on::bulk);
        check(store + "/ttl", on::ttl);
      }
      for (String store : listed("STATE_WITH_TTL_TIME")) {
        check(store + "/ttl-time", new StateProgram(client, store)::ttlTime);
      }
      for (String store : listed("STATE_WITH_QUERY")) {
        StateProgram on = new StateProgram(client, store);
        check(store + "/query", () -> on.query(preview));
      }
      for (String store : listed("STATE_ENCRYPTED")) {
        check(store + "/encryption", new StateProgram(client, store)::encryption);
      }
    }
    Checks.exit();
  }
}
