/** For each row `p` of bus.partition, with its topic `t`: the group that comes back and is furthest behind there, as `behind` with `name` and `offset`. */
export const FURTHEST_BEHIND = `
       LEFT JOIN LATERAL (
         SELECT g.name, coalesce(own.next_offset, noted.next_offset, 0) AS "offset"
         FROM bus.consumer_group g
         LEFT JOIN bus.position noted ON noted.group_id = g.group_id AND noted.partition = p.partition
         LEFT JOIN teststrip.consumed_positions own
           ON own.consumer_group = g.name AND own.topic = t.name AND own.partition = p.partition
         WHERE g.topic_id = p.topic_id AND g.is_lasting
         ORDER BY 2 LIMIT 1
       ) behind ON true`;

/** That group and the part, as they are told to people. */
export const READER_BEHIND = `behind.name || ', ' || t.name || '[' || p.partition || ']'`;
