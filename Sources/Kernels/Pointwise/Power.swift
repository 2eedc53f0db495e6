/// x^a for a constant a.
enum Power: PointwiseFunction {
  static var name: String { "power" }
  static var reads: PointwiseReads { .input }
  static var constants: [PointwiseConstant] { [.init("exponent", default: nil, example: 2.7)] }
  static var domain: ExampleDomain { .positive }

  @inline(__always)
  static func value<L: VectorLane>(_ x: L, _ p: PointwiseParameters) -> L { L.pow(x, p.a) }
  @inline(__always)
  static func first<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L {
    L(p.a) * L.pow(x, p.a - 1)
  }
  @inline(__always)
  static func second<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L {
    L(p.a * (p.a - 1)) * L.pow(x, p.a - 2)
  }
}
