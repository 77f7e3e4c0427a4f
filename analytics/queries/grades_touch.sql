-- How long did each technician work on the repairs of each order?
-- with: visits
-- end_key: only vehicles whose key comes before it, '' for all. Seconds from started or resumed to the job's next event,
-- up to the order's close; whoever is named last in a job works on. Orders that were handed off and judged.
SELECT
    work.center_id AS center_id,
    work.order_id AS order_id,
    work.vehicle_key AS vehicle_key,
    work.technician AS technician,
    sum(dateDiff('millisecond', work.occurred_at, least(work.next_at, assumeNotNull(judged_order.closed_at)))) / 1000 AS touch_s
FROM
(
    SELECT
        vehicle_key,
        center_id,
        order_id,
        phase,
        occurred_at,
        anyLast(technician_id) OVER past AS technician,
        assumeNotNull(leadInFrame(toNullable(occurred_at)) OVER job) AS next_at
    FROM events
    WHERE type = 'repair' AND ({end_key:String} = '' OR vehicle_key < {end_key:String})
    WINDOW
        job AS (
            PARTITION BY vehicle_key, center_id, order_id, job_id ORDER BY occurred_at, event_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING),
        past AS (
            PARTITION BY vehicle_key, center_id, order_id, job_id ORDER BY occurred_at, event_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
) AS work
INNER JOIN
(
    SELECT order_id, center_id, vehicle_key, closed_at
    FROM visits
    WHERE isNotNull(ftf) AND ({end_key:String} = '' OR vehicle_key < {end_key:String})
) AS judged_order USING (order_id, center_id, vehicle_key)
WHERE work.phase IN ('started', 'resumed') AND isNotNull(work.technician) AND work.next_at > work.occurred_at
    AND work.occurred_at < judged_order.closed_at
GROUP BY center_id, order_id, vehicle_key, technician
ORDER BY center_id, order_id, vehicle_key, technician
