-- Which waits stand at these places of the sorted waits, for the intervals of median and 90th percentile?
-- with: visits
-- ranks: the places, counted from 1, for each key ('' where there is none); a place 0 gives 0.
SELECT
    key,
    arrayMap(rank -> sorted[rank], {ranks:Map(String, Array(UInt64))}[ifNull(key, '')]) AS waits_s
FROM
(
    SELECT key, arraySort(groupArray(assumeNotNull(wait_s))) AS sorted
    FROM visits
    ARRAY JOIN keys AS key
    WHERE is_handed_off AND isNotNull(wait_s)
    GROUP BY key
)
ORDER BY key NULLS LAST
