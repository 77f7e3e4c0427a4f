-- How do customers score the parts of the service (communication, price, quality …), in the last survey of each order?
-- with: visits
-- One row per part and center, of the orders closed in the period. first_key, end_key: vehicles from one key to before
-- the other, '' for no end: rows of several ranges are added up.
SELECT
    scored.subject AS subject,
    scored.center_id AS center_id,
    count() AS n,
    sum(scored.score) AS total,
    sum(scored.score * scored.score) AS squares
FROM
(
    SELECT center_id, pair.1 AS subject, toFloat64(pair.2) AS score
    FROM
    (
        -- As in warning_batches.
        SELECT center_id, payload
        FROM events
        WHERE type = 'survey' AND vehicle_key >= {first_key:String} AND ({end_key:String} = '' OR vehicle_key < {end_key:String})
            AND (center_id, order_id, vehicle_key, event_id) IN (
                SELECT center_id, order_id, vehicle_key, event_id FROM surveys
                WHERE is_last AND vehicle_key >= {first_key:String} AND ({end_key:String} = '' OR vehicle_key < {end_key:String}))
            AND (center_id, order_id, vehicle_key) IN (
                SELECT center_id, order_id, vehicle_key FROM visits
                WHERE is_closed AND vehicle_key >= {first_key:String} AND ({end_key:String} = '' OR vehicle_key < {end_key:String}))
    )
    ARRAY JOIN JSONExtractKeysAndValues(JSONExtractRaw(payload, 'scores'), 'UInt8') AS pair
) AS scored
GROUP BY subject, center_id
ORDER BY subject, center_id
