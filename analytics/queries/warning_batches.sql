-- In which week was each part and each batch first named by any order?
-- week: its Monday in time_zone. dimension: part or batch. first_key, end_key: as in warning_visits; of several ranges the
-- first week counts.
SELECT
    dimension_value.1 AS dimension,
    dimension_value.2 AS value,
    min(toMonday(toDate(occurred_at, {time_zone:String}))) AS week
FROM
(
    -- Beside ARRAY JOIN conditions on keys would not reach the table.
    SELECT occurred_at, part_no, payload
    FROM events
    WHERE type IN ('repair', 'part_request')
        AND vehicle_key >= {first_key:String} AND ({end_key:String} = '' OR vehicle_key < {end_key:String})
)
ARRAY JOIN arrayFilter(
    pair -> notEmpty(pair.2),
    [('part', ifNull(part_no, '')), ('batch', JSONExtractString(payload, 'batch'))]) AS dimension_value
GROUP BY dimension, value
ORDER BY dimension, value
