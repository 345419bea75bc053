struct Sum { int a; float b; double c; long long d; const float* x; float* y; };
