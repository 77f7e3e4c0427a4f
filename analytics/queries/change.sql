-- What did each center, lane and combination of fault groups add to a figure?
-- with: visits
-- figure: its name. A figure is the sum of x over the sum of d; the other sums are for its uncertainty.
SELECT
    v.center_id AS center_id,
    ifNull(v.lane, '') AS lane_name,
    arrayStringConcat(arraySort(arrayMap(name -> toString(name), v.fault_groups)), '+') AS groups,
    count() AS orders,
    sum(v.x) AS x,
    sum(v.d) AS d,
    sum(v.x * v.x) AS xx,
    sum(v.x * v.d) AS xd,
    sum(v.d * v.d) AS dd
FROM
(
    SELECT
        center_id,
        lane,
        fault_groups,
        toFloat64(ifNull(multiIf(
            {figure:String} = 'wait_mean_s', is_handed_off AND isNotNull(wait_s),
            {figure:String} = 'ftfr', isNotNull(ftf),
            {figure:String} = 'nps', isNotNull(score),
            {figure:String} = 'stockout_rate', part_requests,
            {figure:String} = 'promise_kept', isNotNull(ready_at) AND isNotNull(promised_at),
            {figure:String} = 'quick_lane_in_time', lane = 'quick' AND isNotNull(ready_at),
            {figure:String} = 'complaints_per_100', is_handed_off,
            0), 0)) AS d,
        if({figure:String} != 'complaints_per_100' AND d = 0, 0., toFloat64(ifNull(multiIf(
            {figure:String} = 'wait_mean_s', wait_s,
            {figure:String} = 'ftfr', toFloat64(ftf),
            {figure:String} = 'nps', 100. * (toInt8(score >= 9) - toInt8(score <= 6)),
            {figure:String} = 'stockout_rate', toFloat64(stockouts),
            {figure:String} = 'promise_kept', toFloat64(ready_at <= promised_at),
            {figure:String} = 'quick_lane_in_time', toFloat64(ready_at <= checked_in_at + INTERVAL 15 MINUTE),
            {figure:String} = 'complaints_per_100', 100. * complaints,
            0.), 0.))) AS x
    FROM visits
    WHERE is_closed
) AS v
WHERE v.d != 0 OR v.x != 0
GROUP BY center_id, lane_name, groups
ORDER BY center_id, lane_name, groups
