/* Stands in for NVIDIA's driver library in tests: two GPUs, the second without an energy counter.
   Built by hand from the signatures of nvml.h; nothing in it comes from a real driver. */
#include <stdio.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3 };
static unsigned long long millijoules = 5000000;
static int gpus[2];

int nvmlInitWithFlags(unsigned flags) { return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return SUCCESS; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **gpu) { *gpu = &gpus[index]; return SUCCESS; }
int nvmlDeviceGetName(void *gpu, char *name, unsigned length) {
    snprintf(name, length, "Made-up GPU");
    return SUCCESS;
}
int nvmlDeviceGetUUID(void *gpu, char *uuid, unsigned length) {
    snprintf(uuid, length, "GPU-%d", gpu == &gpus[1]);
    return SUCCESS;
}
int nvmlDeviceGetTotalEnergyConsumption(void *gpu, unsigned long long *energy) {
    if (gpu == &gpus[1]) return NOT_SUPPORTED;
    *energy = millijoules += 40000;
    return SUCCESS;
}
int nvmlDeviceGetPowerUsage(void *gpu, unsigned *milliwatts) { *milliwatts = 41500; return SUCCESS; }
int nvmlDeviceGetTemperature(void *gpu, int sensor, unsigned *celsius) { *celsius = 44; return SUCCESS; }
