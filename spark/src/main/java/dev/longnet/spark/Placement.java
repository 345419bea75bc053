package dev.longnet.spark;

import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Where one rank stands among all. Ranks follow the hosts' names, so that the ranks of a machine are neighbours.
 *
 * @param task the task that runs the rank, which is its partition
 * @param local its number among the ranks of its host
 * @param neighbours the tasks of the ranks of its host, by their local number; its own among them
 * @param first the task of rank 0
 */
record Placement(int rank, int world, int local, List<Integer> neighbours, int task, int first) {
    /**
     * @param hosts the host of every task
     * @param task whose place is asked for
     */
    static Placement of(List<String> hosts, int task) {
        List<Integer> order = IntStream.range(0, hosts.size())
                .boxed()
                .sorted(Comparator.<Integer, String>comparing(hosts::get).thenComparing(Comparator.naturalOrder()))
                .toList();
        List<Integer> neighbours = order.stream()
                .filter(other -> hosts.get(other).equals(hosts.get(task)))
                .toList();
        return new Placement(
                order.indexOf(task), hosts.size(), neighbours.indexOf(task), neighbours, task, order.get(0));
    }
}
