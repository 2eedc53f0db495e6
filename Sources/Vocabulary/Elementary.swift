#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// x^y, e^x and the natural logarithm in double precision, from the C library.
public func power(_ x: Double, _ y: Double) -> Double { pow(x, y) }
public func exponential(_ x: Double) -> Double { exp(x) }
public func logarithm(_ x: Double) -> Double { log(x) }
