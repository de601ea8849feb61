/* Intervals in steps of 50 µs up to half a second; what is longer counts as half a second. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

#define STEP_NS 50000
#define STEPS 10000

struct histogram {
    uint64_t count;
    int64_t longest_ns;
    uint32_t steps[STEPS];
};

static inline void note(struct histogram *histogram, int64_t ns) {
    int64_t step = ns / STEP_NS;
    histogram->steps[step < STEPS ? step : STEPS - 1]++;
    histogram->count++;
    if (ns > histogram->longest_ns) histogram->longest_ns = ns;
}

/* Milliseconds that `share` of the intervals are not longer than. */
static inline double quantile_ms(const struct histogram *histogram, double share) {
    uint64_t seen = 0, wanted = (uint64_t)(share * histogram->count);
    for (int step = 0; step < STEPS; step++)
        if ((seen += histogram->steps[step]) > wanted) return (step + 1) * (STEP_NS / 1e6);
    return 0;
}

#endif
