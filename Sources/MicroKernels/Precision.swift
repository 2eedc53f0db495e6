import CVector

/// The numbers that these loops compute with, float32 or float64, and the vectors that hold them.

#if DOUBLE_PRECISION
  public typealias Real = Double
  /// As wide as the widest vectors, on every processor: where its lanes show in results, these are the same everywhere.
  typealias Lanes = SIMD8<Double>
#else
  public typealias Real = Float
  /// As wide as the widest vectors, on every processor: where its lanes show in results, these are the same everywhere.
  typealias Lanes = SIMD16<Float>
#endif

// Elsewhere two registers each on AVX2's sixteen, four on NEON's thirty-two: a tile of 6 rows fills both.
#if WIDE_VECTORS
  typealias Vector = Lanes
#elseif DOUBLE_PRECISION
  typealias Vector = SIMD4<Double>
#else
  typealias Vector = SIMD8<Float>
#endif

/// Numbers of `Lanes`.
@inline(__always)
var lanes: Int { Lanes.scalarCount }

#if DOUBLE_PRECISION
  @inline(__always)
  func multiplyAdd(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes { cv_fma_f64(a, b, c) }
  #if !WIDE_VECTORS
    @inline(__always)
    func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector { cv_fma_f64x4(a, b, c) }
  #endif
#else
  @inline(__always)
  func multiplyAdd(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes { cv_fma_f32(a, b, c) }
  #if !WIDE_VECTORS
    @inline(__always)
    func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector { cv_fma_f32x8(a, b, c) }
  #endif
#endif

@inline(__always)
func load(_ p: UnsafePointer<Real>) -> Vector { UnsafeRawPointer(p).loadUnaligned(as: Vector.self) }

@inline(__always)
func store(_ v: Vector, _ p: UnsafeMutablePointer<Real>) {
  UnsafeMutableRawPointer(p).storeBytes(of: v, as: Vector.self)
}

@inline(__always)
func loadLanes(_ p: UnsafePointer<Real>) -> Lanes {
  UnsafeRawPointer(p).loadUnaligned(as: Lanes.self)
}

@inline(__always)
func storeLanes(_ v: Lanes, _ p: UnsafeMutablePointer<Real>) {
  UnsafeMutableRawPointer(p).storeBytes(of: v, as: Lanes.self)
}

/// What loops are told of memory has no type, since one declaration serves both precisions.
@inline(__always)
func reals(_ p: UnsafeRawPointer?) -> UnsafePointer<Real> {
  p.unsafelyUnwrapped.assumingMemoryBound(to: Real.self)
}

@inline(__always)
func reals(_ p: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<Real> {
  p.unsafelyUnwrapped.assumingMemoryBound(to: Real.self)
}

/// target[j * step + i] = source[i * stride + j] for i, j < lanes; rows from `rows` on repeat the last.
@inline(__always)
func transposeLanes(
  _ source: UnsafePointer<Real>, _ stride: Int, _ rows: Int, _ target: UnsafeMutablePointer<Real>, _ step: Int
) {
  #if DOUBLE_PRECISION
    cv_transpose_f64(source, stride, rows, target, step)
  #else
    cv_transpose_f32(source, stride, rows, target, step)
  #endif
}

/// The same for i, j below the numbers of a vector.
@inline(__always)
func transposeVectors(
  _ source: UnsafePointer<Real>, _ stride: Int, _ rows: Int, _ target: UnsafeMutablePointer<Real>, _ step: Int
) {
  #if WIDE_VECTORS
    transposeLanes(source, stride, rows, target, step)
  #elseif DOUBLE_PRECISION
    cv_transpose_f64x4(source, stride, rows, target, step)
  #else
    cv_transpose_f32x8(source, stride, rows, target, step)
  #endif
}
