-- What does each closed order that counts in a figure add to the numerator and to the denominator of a figure?
-- with: visits
-- figure: its name. A figure is the sum of x over the sum of d.
SELECT
    *,
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
WHERE is_closed AND (d != 0 OR x != 0)
