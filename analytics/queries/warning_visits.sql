-- How many orders came by week, of which model and month of build, and of which model and software?
-- since: the first day of check-in in time_zone; week: its Monday. dimension: all, built or software; value: '' for all,
-- else the model and month of build or software. Scores are those of NPS. first_key, end_key: vehicles from one key to
-- before the other, '' for no end: rows of several ranges are added up.
SELECT
    dimension_value.1 AS dimension,
    dimension_value.2 AS value,
    toMonday(toDate(assumeNotNull(o.checked_in_at), {time_zone:String})) AS week,
    count() AS visits,
    countIf(isNotNull(o.score)) AS scores,
    countIf(o.score >= 9) AS promoters,
    countIf(o.score <= 6) AS detractors
FROM orders AS o
LEFT JOIN
(
    SELECT
        center_id,
        order_id,
        vehicle_key,
        argMinIf(JSONExtractString(payload, 'model'), (occurred_at, event_id), JSONHas(payload, 'model')) AS model,
        argMinIf(JSONExtractString(payload, 'software'), (occurred_at, event_id), JSONHas(payload, 'software')) AS software,
        argMinIf(JSONExtractString(payload, 'built'), (occurred_at, event_id), JSONHas(payload, 'built')) AS built
    FROM events
    WHERE type = 'check_in' AND vehicle_key >= {first_key:String}
        AND ({end_key:String} = '' OR vehicle_key < {end_key:String})
        AND (JSONHas(payload, 'model') OR JSONHas(payload, 'software') OR JSONHas(payload, 'built'))
    GROUP BY center_id, order_id, vehicle_key
) AS n ON n.order_id = o.order_id AND n.center_id = o.center_id AND n.vehicle_key = o.vehicle_key
ARRAY JOIN arrayFilter(
    pair -> pair.1 = 'all' OR notEmpty(pair.2),
    [
        ('all', ''),
        ('built', if(empty(n.model) OR empty(n.built), '', concat(n.model, ' ', n.built))),
        ('software', if(empty(n.model) OR empty(n.software), '', concat(n.model, ' ', n.software)))
    ]) AS dimension_value
WHERE o.vehicle_key >= {first_key:String} AND ({end_key:String} = '' OR o.vehicle_key < {end_key:String})
    AND isNotNull(o.checked_in_at)
    AND toDate(assumeNotNull(o.checked_in_at), {time_zone:String}) >= toDateOrZero({since:String})
GROUP BY dimension, value, week
ORDER BY dimension, value, week
