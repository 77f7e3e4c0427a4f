-- How long do visits stay in each activity, and how much of the whole is that?
-- with: visits
-- Of handed-off orders with a check-in. Quartile, median, upper quartile and 90th percentile are over the orders that
-- spent any time there.
SELECT
    count() AS orders,
    sum(lead_s) AS total_s,
    [countIf(wait_reception_s > 0), countIf(diagnosis_s > 0), countIf(wait_approval_s > 0), countIf(wait_parts_s > 0),
     countIf(wait_bay_s > 0), countIf(repair_s > 0), countIf(quality_s > 0), countIf(pickup_s > 0)] AS had,
    [sum(wait_reception_s), sum(diagnosis_s), sum(wait_approval_s), sum(wait_parts_s),
     sum(wait_bay_s), sum(repair_s), sum(quality_s), sum(pickup_s)] AS seconds,
    [quantilesExactInclusiveIf(0.5, 0.75, 0.9)(wait_reception_s, wait_reception_s > 0),
     quantilesExactInclusiveIf(0.5, 0.75, 0.9)(diagnosis_s, diagnosis_s > 0),
     quantilesExactInclusiveIf(0.5, 0.75, 0.9)(wait_approval_s, wait_approval_s > 0),
     quantilesExactInclusiveIf(0.5, 0.75, 0.9)(wait_parts_s, wait_parts_s > 0),
     quantilesExactInclusiveIf(0.5, 0.75, 0.9)(wait_bay_s, wait_bay_s > 0),
     quantilesExactInclusiveIf(0.5, 0.75, 0.9)(repair_s, repair_s > 0),
     quantilesExactInclusiveIf(0.5, 0.75, 0.9)(quality_s, quality_s > 0),
     quantilesExactInclusiveIf(0.5, 0.75, 0.9)(pickup_s, pickup_s > 0)] AS quantiles
FROM visits
WHERE is_handed_off AND isNotNull(lead_s)
