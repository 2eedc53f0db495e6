import CVector
import MicroKernels

#if arch(x86_64)
  import MicroKernelsV4
#endif

/// The leaves of direct convolution for one instruction set.
struct ConvolutionKernels: Sendable {
  let pixels: @Sendable (UnsafePointer<cv_convolution>, UnsafePointer<cv_pixels>, _ count: Int) -> Void
  let weightGradient: @Sendable (UnsafePointer<cv_weight_gradient>) -> Void
  let fillPlanes: @Sendable (UnsafePointer<cv_plane_rows>) -> Void
  let shiftPlanes: @Sendable (UnsafePointer<cv_plane_shifts>) -> Void
  let convolvePlanes: @Sendable (UnsafePointer<cv_planes>) -> Void
  let planeGradient: @Sendable (UnsafePointer<cv_plane_gradient>) -> Void
  /// Whether `pixels` takes several taps of a row together.
  let takesNeighbors: Bool
  /// Outputs of the tallest tiles of planes, and floats of a vector.
  let tallestPlanes: Int, tallestGradientPlanes: Int, planeLanes: Int

  /// Those with a lane for each of sixteen images, which takes vectors of sixteen.
  struct Lanes: Sendable {
    let fill:
      @Sendable (
        _ source: UnsafePointer<Float>, _ step: Int, _ images: Int, _ count: Int, UnsafeMutablePointer<Float>
      ) -> Void
    let drain:
      @Sendable (
        _ source: UnsafePointer<Float>, _ count: Int, UnsafeMutablePointer<Float>, _ step: Int, _ images: Int,
        _ accumulate: Bool
      ) -> Void
    let convolve: @Sendable (UnsafePointer<cv_lanes>) -> Void
    /// Outputs of the tallest tiles.
    let tallest: Int
  }
  let lanes: Lanes?

  /// What every processor that loads this library has.
  static let base = ConvolutionKernels(
    pixels: { MicroKernels.convolvePixels($0, $1, $2) },
    weightGradient: { MicroKernels.addWeightGradient($0) },
    fillPlanes: { MicroKernels.fillPlanes($0) },
    shiftPlanes: { MicroKernels.shiftPlanes($0) },
    convolvePlanes: { MicroKernels.convolvePlanes($0) },
    planeGradient: { MicroKernels.addPlaneGradient($0) }, takesNeighbors: false,
    tallestPlanes: MicroKernels.tallestPlanes, tallestGradientPlanes: MicroKernels.tallestGradientPlanes,
    planeLanes: MicroKernels.vectorWidth, lanes: nil)

  /// For AVX-512, nil where the processor lacks it.
  static let v4: ConvolutionKernels? = {
    #if arch(x86_64)
      guard cv_supports_v4() != 0 else { return nil }
      return ConvolutionKernels(
        pixels: { MicroKernelsV4.convolvePixels($0, $1, $2) },
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

  /// Those that this processor can run, the fastest last.
  static let all = [base] + (v4.map { [$0] } ?? [])
  static let fastest = all.last!
}
