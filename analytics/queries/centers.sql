-- Which centers are there, in which region and wave, and when did they change over?
SELECT center_id, name, name_en, region, wave, wave_start, time_zone, opens, closes, weekdays
FROM centers
ORDER BY center_id
