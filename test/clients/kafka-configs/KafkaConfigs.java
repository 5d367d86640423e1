import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/**
 * Kafka's own kafka-configs, many commands in one JVM: each line of stdin is one command line, its arguments apart by tabs. After
 * each comes a line "done"; a command that fails ends the process, as it does on a terminal. The end of stdin is the end.
 */
public class KafkaConfigs {
  public static void main(String[] args) throws Exception {
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null && !line.equals("stop"); line = lines.readLine()) {
      kafka.admin.ConfigCommand.main(line.split("\t"));
      System.out.println("done");
    }
  }
}
