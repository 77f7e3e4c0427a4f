-- How long did customers wait at each center, and which share of them no longer than the median and the 90th percentile?
-- with: visits
-- names, medians, p90s: for each key ('' where there is none) the two quantiles of all of its waits.
SELECT
    key,
    center_id,
    count() AS waits,
    avg(wait_s) AS mean_s,
    avg(wait_s <= transform(ifNull(key, ''), {names:Array(String)}, {medians:Array(Float64)}, 0.)) AS up_to_median,
    avg(wait_s <= transform(ifNull(key, ''), {names:Array(String)}, {p90s:Array(Float64)}, 0.)) AS up_to_p90
FROM visits
ARRAY JOIN keys AS key
WHERE is_handed_off AND isNotNull(wait_s)
GROUP BY key, center_id
ORDER BY key NULLS LAST, center_id
