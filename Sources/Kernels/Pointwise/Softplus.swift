/// log(1 + e^x).
enum Softplus: PointwiseFunction {
  static var name: String { "softplus" }
  static var reads: PointwiseReads { .input }

  @inline(__always)
  static func value<L: VectorLane>(_ x: L, _ p: PointwiseParameters) -> L { L.softplus(x) }
  @inline(__always)
  static func first<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L { L.sigmoid(x) }
  @inline(__always)
  static func second<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L {
    L.sigmoid(x) * (L(1) - L.sigmoid(x))
  }
}
