import CVector
import MicroKernels

#if arch(x86_64)
  import MicroKernelsV4
#endif

/// The leaves of direct convolution for one instruction set.
struct ConvolutionKernels: Sendable {
  let pixels: @Sendable (UnsafePointer<cv_convolution>, UnsafePointer<cv_pixels>, _ count: Int) -> Void
  let weightGradient: @Sendable (UnsafePointer<cv_weight_gradient>) -> Void

  /// What every processor that loads this library has.
  static let base = ConvolutionKernels(
    pixels: { MicroKernels.convolvePixels($0, $1, $2) },
    weightGradient: { MicroKernels.addWeightGradient($0) })

  /// For AVX-512, nil where the processor lacks it.
  static let v4: ConvolutionKernels? = {
    #if arch(x86_64)
      guard cv_supports_v4() != 0 else { return nil }
      return ConvolutionKernels(
        pixels: { MicroKernelsV4.convolvePixels($0, $1, $2) },
        weightGradient: { MicroKernelsV4.addWeightGradient($0) })
    #else
      return nil
    #endif
  }()

  /// Those that this processor can run, the fastest last.
  static let all = [base] + (v4.map { [$0] } ?? [])
  static let fastest = all.last!
}
