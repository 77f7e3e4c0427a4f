-- What did each center, lane and combination of fault groups add to a figure?
-- with: figure_terms
-- A figure is the sum of x over the sum of d; the other sums are for its uncertainty.
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
FROM figure_terms AS v
GROUP BY center_id, lane_name, groups
ORDER BY center_id, lane_name, groups
