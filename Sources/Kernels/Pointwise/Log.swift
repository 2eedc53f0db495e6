/// Natural logarithm.
enum Log: PointwiseFunction {
  static var name: String { "log" }
  static var reads: PointwiseReads { .input }
  static var domain: ExampleDomain { .positive }

  @inline(__always)
  static func value<L: VectorLane>(_ x: L, _ p: PointwiseParameters) -> L { L.log(x) }
  @inline(__always)
  static func first<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L { L(1) / x }
  @inline(__always)
  static func second<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L { L(-1) / (x * x) }
}
