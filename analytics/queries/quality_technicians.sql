-- Of the orders that a technician worked on, how many were fixed first time?
-- with: visits
-- An order counts for each technician who is named in one of its repairs before the close. The center is that of the
-- repair; the same name at another center is another technician. one_in: of so many vehicles one is taken, as in drivers.
WITH
    leftPad(lower(hex(intDiv(4294967296, {one_in:UInt32}))), 8, '0') AS end_key,
    workers AS
    (
        SELECT order_id, center_id, assumeNotNull(technician_id) AS technician, min(occurred_at) AS first_at
        FROM events
        WHERE ({one_in:UInt32} = 1 OR vehicle_key < end_key) AND type = 'repair' AND isNotNull(technician_id)
        GROUP BY order_id, center_id, technician
    )
SELECT
    center_id,
    technician,
    count() AS judged,
    countIf(ftf) AS fixed,
    countIf(ftf_cause = 'rework') AS rework,
    countIf(ftf_cause = 'open_part') AS open_part,
    countIf(ftf_cause = 'comeback') AS comeback
FROM workers
INNER JOIN
(
    SELECT order_id, ftf, ftf_cause, closed_at
    FROM visits
    WHERE isNotNull(ftf) AND ({one_in:UInt32} = 1 OR vehicle_key < end_key)
) AS judged_order USING (order_id)
WHERE first_at <= closed_at
GROUP BY center_id, technician
ORDER BY judged DESC, center_id, technician
