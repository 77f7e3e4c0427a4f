-- Up to which record of each partition have events reached ClickHouse?
SELECT
    kafka_partition,
    max(kafka_offset) AS newest_offset,
    count() AS records,
    max(received_at) AS newest_at
FROM arrivals
GROUP BY kafka_partition
ORDER BY kafka_partition
