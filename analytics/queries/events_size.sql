-- How many events are there, those that came twice counted twice?
SELECT count() AS arrivals FROM arrivals
