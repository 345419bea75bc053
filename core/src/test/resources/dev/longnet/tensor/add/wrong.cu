extern "C" __global__ void wrong() { return nowhere; }
