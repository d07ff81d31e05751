// The program whose precompiled headers every test program reuses.
int main() { return 0; }
