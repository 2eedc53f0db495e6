import CVector
import MicroKernels
import MicroKernels64
import Vocabulary

#if arch(x86_64)
  import MicroKernels64V4
  import MicroKernelsV4
#endif

/// The leaves of direct convolution for one instruction set and precision.
struct ConvolutionKernels: Sendable {
  let dtype: DType
  let pixels: @Sendable (UnsafePointer<cv_convolution>, UnsafePointer<cv_pixels>, _ count: Int) -> Void
  let weightGradient: @Sendable (UnsafePointer<cv_weight_gradient>) -> Void
  let fillPlanes: @Sendable (UnsafePointer<cv_plane_rows>) -> Void
  let shiftPlanes: @Sendable (UnsafePointer<cv_plane_shifts>) -> Void
  let convolvePlanes: @Sendable (UnsafePointer<cv_planes>) -> Void
  let planeGradient: @Sendable (UnsafePointer<cv_plane_gradient>) -> Void
  /// Whether `pixels` takes several taps of a row together.
  let takesNeighbors: Bool
  /// Numbers of the widest vector there is: blocks are made of as many on every processor.
  var width: Int { dtype == .float64 ? 8 : 16 }
  /// Outputs of the tallest tiles of planes, and numbers of a vector.
  let tallestPlanes: Int, tallestGradientPlanes: Int, planeLanes: Int

  /// Those with a lane for each of as many images as the widest vector has.
  struct Lanes: Sendable {
    let fill:
      @Sendable (
        _ source: UnsafeRawPointer, _ step: Int, _ images: Int, _ count: Int, UnsafeMutableRawPointer
      ) -> Void
    let drain:
      @Sendable (
        _ source: UnsafeRawPointer, _ count: Int, UnsafeMutableRawPointer, _ step: Int, _ images: Int,
        _ accumulate: Bool
      ) -> Void
    let convolve: @Sendable (UnsafePointer<cv_lanes>) -> Void
    /// Outputs of the tallest tiles.
    let tallest: Int
  }
  let lanes: Lanes?

  /// What every processor that loads this library has.
  private static let base = ConvolutionKernels(
    dtype: .float32, pixels: { MicroKernels.convolvePixels($0, $1, $2) },
    weightGradient: { MicroKernels.addWeightGradient($0) }, fillPlanes: { MicroKernels.fillPlanes($0) },
    shiftPlanes: { MicroKernels.shiftPlanes($0) }, convolvePlanes: { MicroKernels.convolvePlanes($0) },
    planeGradient: { MicroKernels.addPlaneGradient($0) }, takesNeighbors: false,
    tallestPlanes: MicroKernels.tallestPlanes, tallestGradientPlanes: MicroKernels.tallestGradientPlanes,
    planeLanes: MicroKernels.vectorWidth, lanes: nil)
  private static let base64 = ConvolutionKernels(
    dtype: .float64, pixels: { MicroKernels64.convolvePixels($0, $1, $2) },
    weightGradient: { MicroKernels64.addWeightGradient($0) }, fillPlanes: { MicroKernels64.fillPlanes($0) },
    shiftPlanes: { MicroKernels64.shiftPlanes($0) }, convolvePlanes: { MicroKernels64.convolvePlanes($0) },
    planeGradient: { MicroKernels64.addPlaneGradient($0) }, takesNeighbors: false,
    tallestPlanes: MicroKernels64.tallestPlanes, tallestGradientPlanes: MicroKernels64.tallestGradientPlanes,
    planeLanes: MicroKernels64.vectorWidth, lanes: nil)

  /// For AVX-512, nil where the processor lacks it.
  private static let v4: ConvolutionKernels? = {
    #if arch(x86_64)
      guard cv_supports_v4() != 0 else { return nil }
      return ConvolutionKernels(
        dtype: .float32, pixels: { MicroKernelsV4.convolvePixels($0, $1, $2) },
        weightGradient: { MicroKernelsV4.addWeightGradient($0) },
        fillPlanes: { MicroKernelsV4.fillPlanes($0) },
        shiftPlanes: { MicroKernelsV4.shiftPlanes($0) },
        convolvePlanes: { MicroKernelsV4.convolvePlanes($0) },
        planeGradient: { MicroKernelsV4.addPlaneGradient($0) }, takesNeighbors: true,
        tallestPlanes: MicroKernelsV4.tallestPlanes,
        tallestGradientPlanes: MicroKernelsV4.tallestGradientPlanes,
        planeLanes: MicroKernelsV4.vectorWidth,
        lanes: Lanes(
          fill: { MicroKernelsV4.fillLanes($0, $1, $2, $3, $4) },
          drain: { MicroKernelsV4.drainLanes($0, $1, $2, $3, $4, $5) },
          convolve: { MicroKernelsV4.convolveLanes($0) }, tallest: MicroKernelsV4.tallestImages))
    #else
      return nil
    #endif
  }()
  private static let v4of64: ConvolutionKernels? = {
    #if arch(x86_64)
      guard cv_supports_v4() != 0 else { return nil }
      return ConvolutionKernels(
        dtype: .float64, pixels: { MicroKernels64V4.convolvePixels($0, $1, $2) },
        weightGradient: { MicroKernels64V4.addWeightGradient($0) },
        fillPlanes: { MicroKernels64V4.fillPlanes($0) },
        shiftPlanes: { MicroKernels64V4.shiftPlanes($0) },
        convolvePlanes: { MicroKernels64V4.convolvePlanes($0) },
        planeGradient: { MicroKernels64V4.addPlaneGradient($0) }, takesNeighbors: true,
        tallestPlanes: MicroKernels64V4.tallestPlanes,
        tallestGradientPlanes: MicroKernels64V4.tallestGradientPlanes,
        planeLanes: MicroKernels64V4.vectorWidth,
        lanes: Lanes(
          fill: { MicroKernels64V4.fillLanes($0, $1, $2, $3, $4) },
          drain: { MicroKernels64V4.drainLanes($0, $1, $2, $3, $4, $5) },
          convolve: { MicroKernels64V4.convolveLanes($0) }, tallest: MicroKernels64V4.tallestImages))
    #else
      return nil
    #endif
  }()

  /// Those that this processor can run, the fastest last.
  static func all(_ dtype: DType) -> [ConvolutionKernels] { dtype == .float64 ? all64 : all32 }
  static func fastest(_ dtype: DType) -> ConvolutionKernels { dtype == .float64 ? fastest64 : fastest32 }
  private static let all32 = [base] + (v4.map { [$0] } ?? [])
  private static let all64 = [base64] + (v4of64.map { [$0] } ?? [])
  private static let fastest32 = all32.last!
  private static let fastest64 = all64.last!
}
