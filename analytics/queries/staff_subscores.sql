-- How do customers score the parts of the service (communication, price, quality …), in the last survey of each order?
-- with: visits
-- One row per part and center, of the orders closed in the period.
SELECT
    scored.subject AS subject,
    scored.center_id AS center_id,
    count() AS n,
    sum(scored.score) AS total,
    sum(scored.score * scored.score) AS squares
FROM
(
    SELECT e.center_id AS center_id, pair.1 AS subject, toFloat64(pair.2) AS score
    FROM events AS e
    ARRAY JOIN JSONExtractKeysAndValues(JSONExtractRaw(e.payload, 'scores'), 'UInt8') AS pair
    WHERE e.type = 'survey'
        AND (e.center_id, e.order_id, e.vehicle_key, e.event_id) IN (
            SELECT center_id, order_id, vehicle_key, event_id FROM surveys WHERE is_last)
        AND (e.center_id, e.order_id, e.vehicle_key) IN (SELECT center_id, order_id, vehicle_key FROM visits WHERE is_closed)
) AS scored
GROUP BY subject, center_id
ORDER BY subject, center_id
