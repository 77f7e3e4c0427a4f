-- Which centers are there, in which region and wave, and when did they change over?
SELECT center_id, name, name_en, region, wave, wave_start, time_zone, opens, closes, weekdays, closed_on, open_on
FROM centers
ORDER BY center_id
