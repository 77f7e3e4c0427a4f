-- What a slice's orders add to the hours of their centers: the check-in to its hour, the close to its own.
-- Named as in view `center_hours`; durations in whole milliseconds, so that they add up exactly.
WITH
steps AS
(
    SELECT
        *,
        arrayJoin(if(isNull(closed_at), ['check_in'], ['check_in', status])) AS step,
        toUnixTimestamp64Milli(assumeNotNull(if(step = 'check_in', checked_in_at, closed_at))) AS ms
    FROM {database:Identifier}.{orders:Identifier}
    WHERE isNotNull(checked_in_at) AND NOT has(anomalies, 'vehicle_corrected')
)
SELECT
    center_id,
    fromUnixTimestamp64Milli(ms - positiveModulo(ms, 3600 * 1000), 'UTC') AS hour,
    countIf(step = 'check_in') AS check_ins,
    countIf(step = 'handed_off') AS handed_off,
    countIf(step = 'cancelled') AS cancelled,
    countIf(step = 'handed_off' AND isNotNull(ftf)) AS judged,
    countIf(step = 'handed_off' AND ftf) AS fixed_first_time,
    sumIf(toInt64(round(assumeNotNull(steps.lead_s) * 1000)), step = 'handed_off') AS lead_s,
    sumIf(toInt64(round(assumeNotNull(steps.wait_s) * 1000)), step = 'handed_off') AS wait_s,
    sumIf(toInt64(round(assumeNotNull(steps.wait_reception_s) * 1000)), step = 'handed_off') AS wait_reception_s,
    sumIf(toInt64(round(assumeNotNull(steps.wait_approval_s) * 1000)), step = 'handed_off') AS wait_approval_s,
    sumIf(toInt64(round(assumeNotNull(steps.wait_parts_s) * 1000)), step = 'handed_off') AS wait_parts_s,
    sumIf(toInt64(round(assumeNotNull(steps.wait_bay_s) * 1000)), step = 'handed_off') AS wait_bay_s,
    sumIf(toInt64(round(assumeNotNull(steps.touch_s) * 1000)), step = 'handed_off') AS touch_s,
    sumIf(toInt64(round(assumeNotNull(steps.pickup_s) * 1000)), step = 'handed_off') AS pickup_s,
    sumIf(steps.part_requests, step = 'handed_off') AS part_requests,
    sumIf(steps.stockouts, step = 'handed_off') AS stockouts,
    sumIf(steps.emergencies, step = 'handed_off') AS emergencies,
    countIf(step = 'handed_off' AND isNotNull(score)) AS surveys,
    countIf(step = 'handed_off' AND score >= 9) AS promoters,
    countIf(step = 'handed_off' AND score <= 6) AS detractors,
    sumIf(steps.complaints, step = 'handed_off') AS complaints,
    countIf(step = 'handed_off' AND lane = 'quick' AND isNotNull(ready_at)) AS quick_ready,
    countIf(step = 'handed_off' AND lane = 'quick' AND ready_at <= checked_in_at + INTERVAL 15 MINUTE) AS quick_in_time,
    countIf(step = 'handed_off' AND isNotNull(ready_at) AND isNotNull(promised_at)) AS promise_both,
    countIf(step = 'handed_off' AND ready_at <= promised_at) AS promise_kept,
    -- Bucket 0 below one second, bucket b from 1.08^(b-1) to below 1.08^b seconds.
    sumMapIf(
        map(
            toUInt16(if(steps.wait_s < 1, 0, 1 + floor(log(greatest(1, assumeNotNull(steps.wait_s))) / log(1.08)))),
            toUInt64(1)),
        step = 'handed_off') AS wait_buckets
FROM steps
GROUP BY center_id, hour
