import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeConsumerGroupsOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.tools.AclCommand;

/**
 * `grant`: runs kafka-acls.sh's own class with each line of standard input, arguments parted by U+001F, in one JVM.
 * `rights BOOTSTRAP NAME...`: for each line "user password" what the broker lets that user do with topics and groups
 * ("group:NAME"), as lines "user, name, operations by comma" parted by tabs.
 */
public class Authorizer {
    public static void main(String[] args) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (args[0].equals("grant")) {
                AclCommand.main(line.split("\u001f"));
            } else {
                rights(args, line.split(" "));
            }
        }
    }

    private static void rights(String[] args, String[] login) throws Exception {
        String jaas = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"%s\" password=\"%s\";";
        Map<String, Object> config = Map.of(
            "bootstrap.servers", args[1],
            "security.protocol", "SASL_PLAINTEXT",
            "sasl.mechanism", "PLAIN",
            "sasl.jaas.config", String.format(jaas, login[0], login[1]));
        try (Admin admin = Admin.create(config)) {
            for (int i = 2; i < args.length; i++) {
                List<String> names = new ArrayList<>();
                try {
                    for (AclOperation operation : new TreeSet<>(operations(admin, args[i]))) {
                        names.add(operation.name());
                    }
                } catch (ExecutionException error) {
                    if (!(error.getCause() instanceof AuthorizationException)) {
                        throw error;
                    }
                }
                System.out.println(login[0] + "\t" + args[i] + "\t" + String.join(",", names));
            }
        }
    }

    private static java.util.Set<AclOperation> operations(Admin admin, String name) throws Exception {
        if (name.startsWith("group:")) {
            List<String> group = List.of(name.substring(6));
            DescribeConsumerGroupsOptions options = new DescribeConsumerGroupsOptions().includeAuthorizedOperations(true);
            return admin.describeConsumerGroups(group, options).all().get().get(group.get(0)).authorizedOperations();
        }
        DescribeTopicsOptions options = new DescribeTopicsOptions().includeAuthorizedOperations(true);
        return admin.describeTopics(List.of(name), options).allTopicNames().get().get(name).authorizedOperations();
    }
}
