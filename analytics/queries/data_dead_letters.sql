-- What was refused, from whom and why?
-- source, center: only this one, '' for all.
SELECT ifNull(source, '') AS source, ifNull(center_id, '') AS center_id, code, count() AS letters
FROM dead_letters
WHERE ({source:String} = '' OR source = {source:String}) AND ({center:String} = '' OR center_id = {center:String})
GROUP BY source, center_id, code
ORDER BY letters DESC
