-- By what clock does each source go, hour by hour?
-- source, center: only this one, '' for all. since, until: days on which they happened in time_zone, '' for no limit.
-- end_key: only vehicles whose key comes before it, '' for all, as in drivers.
-- clock_s: by how many seconds a clock may go wrong. The clock of an hour is the 1st percentile of received minus
-- occurred of what was received in it. `wrong`: (hour, arrivals, clock) of the hours that are furthest off.
SELECT
    source,
    center_id,
    count() AS hours,
    countIf(skew_s < -{clock_s:Float64}) AS hours_ahead,
    countIf(skew_s > {clock_s:Float64}) AS hours_behind,
    min(skew_s) AS lowest_s,
    quantileExact(0.5)(skew_s) AS usual_s,
    max(skew_s) AS highest_s,
    arraySlice(
        arraySort(wrong -> -abs(wrong.3), groupArrayIf((toString(hour), arrivals, skew_s), is_wrong)), 1, 24) AS wrong
FROM
(
    SELECT
        source, center_id, toStartOfHour(received_at) AS hour, count() AS arrivals,
        quantileExact(0.01)(dateDiff('millisecond', occurred_at, received_at) / 1000) AS skew_s,
        abs(skew_s) > {clock_s:Float64} AS is_wrong
    FROM arrivals
    WHERE ({end_key:String} = '' OR vehicle_key < {end_key:String}) AND isNotNull(received_at)
        AND ({source:String} = '' OR source = {source:String})
        AND ({center:String} = '' OR center_id = {center:String})
        AND ({since:String} = '' OR toDate(occurred_at, {time_zone:String}) >= toDateOrZero({since:String}))
        AND ({until:String} = '' OR toDate(occurred_at, {time_zone:String}) <= toDateOrZero({until:String}))
    GROUP BY source, center_id, hour
)
GROUP BY source, center_id
ORDER BY source, center_id
