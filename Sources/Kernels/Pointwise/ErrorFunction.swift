/// erf x. With the slope f = 2 / sqrt(pi) e^(-x^2): first = f, second = -2 x f.
enum ErrorFunction: PointwiseFunction {
  static var name: String { "erf" }
  static var reads: PointwiseReads { .input }

  @inline(__always)
  private static func slope<L: VectorLane>(_ x: L) -> L { L(1.1283791670955126) * L.exp(-(x * x)) }

  @inline(__always)
  static func value<L: VectorLane>(_ x: L, _ p: PointwiseParameters) -> L { L.erf(x) }
  @inline(__always)
  static func first<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L { slope(x) }
  @inline(__always)
  static func second<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L { L(-2) * x * slope(x) }
}
