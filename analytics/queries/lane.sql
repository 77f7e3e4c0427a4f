-- Which items are in the quick lane, how many are ready within 15 min there, and which in the other lane would be?
-- with: visits
-- An item is an order's only fault group; '(several)' and '(none)' are the other orders'. By item and center, over closed
-- orders; orders: open ones, too. fits: handed off from the standard lane with at most 15 min of work and no part missing.
SELECT
    multiIf(length(fault_groups) > 1, '(several)', empty(fault_groups), '(none)', toString(fault_groups[1])) AS item,
    length(fault_groups) = 1 AS is_item,
    center_id,
    count() AS orders,
    countIf(is_closed) AS closed,
    countIf(is_closed AND lane = 'quick') AS quick,
    countIf(is_closed AND lane = 'quick' AND isNotNull(ready_at)) AS quick_ready,
    countIf(is_closed AND lane = 'quick' AND ready_at <= checked_in_at + INTERVAL 15 MINUTE) AS in_time,
    countIf(is_over) AS over,
    sumIf(to_ready_s - 900, is_over) AS over_s,
    sumIf(ifNull(touch_s, 0), is_over) AS touch_s,
    sumIf(ifNull(wait_reception_s, 0), is_over) AS reception_s,
    sumIf(ifNull(wait_approval_s, 0), is_over) AS approval_s,
    sumIf(ifNull(wait_parts_s, 0), is_over) AS parts_s,
    sumIf(ifNull(wait_bay_s, 0), is_over) AS bay_s,
    countIf(is_handed_off AND lane = 'standard' AND isNotNull(touch_s)) AS standard,
    countIf(is_handed_off AND lane = 'standard' AND touch_s <= 900 AND stockouts = 0) AS fits
FROM
(
    SELECT
        *,
        (toUnixTimestamp64Milli(ready_at) - toUnixTimestamp64Milli(checked_in_at)) / 1000 AS to_ready_s,
        ifNull(is_closed AND lane = 'quick' AND ready_at > checked_in_at + INTERVAL 15 MINUTE, false) AS is_over
    FROM visits
)
GROUP BY item, is_item, center_id
ORDER BY item, is_item, center_id
