package sdkcheck;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.dapr.client.DaprClient;
import io.dapr.client.DaprClientBuilder;
import io.dapr.client.domain.CloudEvent;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.concurrent.Executors;

/**
 * A subscriber: the SDK's events over the JDK's server; the arguments are http, its host and its port. What comes
 * on topic orders is printed and published on echoes by the SDK's client, what comes there is printed too.
 */
public final class Receiver {
  private static final String PUBSUB = "ps";
  private static final ObjectMapper JSON = new ObjectMapper();

  private interface Handler {
    void handle(Object data) throws Exception;
  }

  public static void main(String[] arguments) throws Exception {
    DaprClient client = new DaprClientBuilder().build();
    Handler order = data -> {
      System.out.println("GOT " + number(data));
      client.publishEvent(PUBSUB, "echoes", data).block();
    };
    Handler echo = data -> System.out.println("ECHO " + number(data));
    var address = new InetSocketAddress(arguments[1], Integer.parseInt(arguments[2]));
    HttpServer server = HttpServer.create(address, 0);
    server.setExecutor(Executors.newFixedThreadPool(4));
    server.createContext("/dapr/subscribe", exchange -> answer(exchange, 200, """
        [{"pubsubname": "ps", "topic": "orders", "route": "/orders"},
         {"pubsubname": "ps", "topic": "echoes", "route": "/echoes"}]"""));
    server.createContext("/dapr/config", exchange -> answer(exchange, 404, ""));
    server.createContext("/orders", exchange -> event(exchange, order));
    server.createContext("/echoes", exchange -> event(exchange, echo));
    server.start();
  }

  private static Object number(Object data) {
    return ((Map<?, ?>) data).get("n");
  }

  private static void event(HttpExchange exchange, Handler handler) throws IOException {
    int status = 200;
    try {
      var event = CloudEvent.deserialize(exchange.getRequestBody().readAllBytes());
      handler.handle(JSON.convertValue(event.getData(), Map.class));
    } catch (Exception error) {
      error.printStackTrace();
      status = 500;
    }
    answer(exchange, status, "");
  }

  private static void answer(HttpExchange exchange, int status, String body) throws IOException {
    exchange.getRequestBody().readAllBytes();
    exchange.getResponseHeaders().add("Content-Type", "application/json");
    byte[] bytes = body.getBytes();
    exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }
}
