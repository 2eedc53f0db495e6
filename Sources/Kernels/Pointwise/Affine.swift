/// a x + b.
enum Affine: PointwiseFunction {
  static var name: String { "affine" }
  static var reads: PointwiseReads { .input }
  static var constants: [PointwiseConstant] {
    [.init("scale", default: 1, example: -1.5), .init("shift", default: 0, example: 0.25)]
  }

  @inline(__always)
  static func value<L: VectorLane>(_ x: L, _ p: PointwiseParameters) -> L {
    x.fused(times: L(p.a), plus: L(p.b))
  }
  @inline(__always)
  static func first<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L { L(p.a) }
  @inline(__always)
  static func second<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L { L(0) }
  static var bends: Bool { false }
}
