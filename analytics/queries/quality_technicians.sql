-- Of the orders that a technician worked on, how many were fixed first time?
-- with: visits
-- An order counts for each technician who is named in one of its repairs before the close; the same name at another
-- center is another technician. end_key: only vehicles whose key comes before it, '' for
-- all, as in drivers.
WITH workers AS
(
    SELECT order_id, center_id, vehicle_key, assumeNotNull(technician_id) AS technician, min(occurred_at) AS first_at
    FROM events
    WHERE ({end_key:String} = '' OR vehicle_key < {end_key:String}) AND type = 'repair' AND isNotNull(technician_id)
    GROUP BY order_id, center_id, vehicle_key, technician
)
SELECT
    center_id,
    technician,
    count() AS judged,
    countIf(ftf) AS fixed,
    countIf(ftf_cause = 'rework') AS rework,
    countIf(ftf_cause = 'open_part') AS open_part,
    countIf(ftf_cause = 'reopened') AS reopened,
    countIf(ftf_cause = 'comeback') AS comeback
FROM workers
INNER JOIN
(
    SELECT order_id, center_id, vehicle_key, ftf, ftf_cause, closed_at
    FROM visits
    WHERE isNotNull(ftf) AND ({end_key:String} = '' OR vehicle_key < {end_key:String})
) AS judged_order USING (order_id, center_id, vehicle_key)
WHERE first_at <= closed_at
GROUP BY center_id, technician
ORDER BY judged DESC, center_id, technician
