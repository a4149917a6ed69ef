import org.codelibs.opensearch.runner.OpenSearchRunner;

/** One OpenSearch node until SIGTERM: Node FOLDER HTTP_PORT TRANSPORT_PORT. */
public class Node {
    public static void main(String[] arguments) throws Exception {
        OpenSearchRunner runner = new OpenSearchRunner();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                runner.close();
            } catch (Exception ignored) {
                // it ends anyway
            }
        }));
        try {
            runner.onBuild((number, settings) -> {
                settings.put("network.host", "127.0.0.1");
                settings.put("http.port", arguments[1]);
                settings.put("transport.port", arguments[2]);
                settings.put("discovery.type", "single-node");
                settings.put("cluster.routing.allocation.disk.threshold_enabled", "false");
                settings.putList("node.roles", "cluster_manager", "data", "ingest");
            }).build(OpenSearchRunner.newConfigs().basePath(arguments[0]).numOfNode(1).clusterName("seismo-tests")
                .disableESLogger().printOnFailure());
        } catch (Throwable problem) {
            problem.printStackTrace();
            System.exit(1);
        }
        Thread.currentThread().join();
    }
}
