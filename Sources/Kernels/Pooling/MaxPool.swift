import CVector
import MicroKernels
import MicroKernels64
import Vocabulary

#if arch(x86_64)
  import MicroKernels64V4
  import MicroKernelsV4
#endif

/// The leaves of max-pooling for one instruction set and precision.
struct PoolKernels: Sendable {
  typealias Kernel = @Sendable (UnsafePointer<cv_pool>) -> Void
  let largest: Kernel
  let chosen: Kernel
  let adjoint: Kernel
  let adjointOfTiles: Kernel

  /// What every processor that loads this library has.
  private static let base = PoolKernels(
    largest: { MicroKernels.poolLargest($0) }, chosen: { MicroKernels.poolChosen($0) },
    adjoint: { MicroKernels.poolAdjoint($0) }, adjointOfTiles: { MicroKernels.poolAdjointOfTiles($0) })
  private static let base64 = PoolKernels(
    largest: { MicroKernels64.poolLargest($0) }, chosen: { MicroKernels64.poolChosen($0) },
    adjoint: { MicroKernels64.poolAdjoint($0) }, adjointOfTiles: { MicroKernels64.poolAdjointOfTiles($0) })

  /// For AVX-512, nil where the processor lacks it.
  private static let v4: PoolKernels? = {
    #if arch(x86_64)
      guard cv_supports_v4() != 0 else { return nil }
      return PoolKernels(
        largest: { MicroKernelsV4.poolLargest($0) }, chosen: { MicroKernelsV4.poolChosen($0) },
        adjoint: { MicroKernelsV4.poolAdjoint($0) }, adjointOfTiles: { MicroKernelsV4.poolAdjointOfTiles($0) }
      )
    #else
      return nil
    #endif
  }()
  private static let v4of64: PoolKernels? = {
    #if arch(x86_64)
      guard cv_supports_v4() != 0 else { return nil }
      return PoolKernels(
        largest: { MicroKernels64V4.poolLargest($0) }, chosen: { MicroKernels64V4.poolChosen($0) },
        adjoint: { MicroKernels64V4.poolAdjoint($0) },
        adjointOfTiles: { MicroKernels64V4.poolAdjointOfTiles($0) })
    #else
      return nil
    #endif
  }()

  /// Those that this processor can run, the fastest last.
  static func all(_ dtype: DType) -> [PoolKernels] { dtype == .float64 ? all64 : all32 }
  private static let all32 = [base] + (v4.map { [$0] } ?? [])
  private static let all64 = [base64] + (v4of64.map { [$0] } ?? [])
}

/// Max-pooling, which remembers for each output one byte: the place in its window that was the largest.
public struct MaxPool: Sendable {
  /// Larger windows have more places than a byte can name.
  public static let mostTaps = 256

  private let geometry: WindowGeometry
  private let images: Int
  private let dtype: DType
  private let kernels: PoolKernels
  private let choices: Storage
  /// Bytes of an image, with room for a vector that runs over.
  private var choiceBytes: Int { resultSize + 16 }
  private var resultSize: Int { geometry.positions * geometry.channels }

  public init(_ dtype: DType, _ geometry: WindowGeometry, images: Int) throws {
    try self.init(dtype, geometry, images: images, PoolKernels.all(dtype).last!)
  }

  init(_ dtype: DType, _ geometry: WindowGeometry, images: Int, _ kernels: PoolKernels) throws {
    precondition(geometry.kernelHeight * geometry.kernelWidth <= MaxPool.mostTaps)
    (self.dtype, self.geometry, self.images, self.kernels) = (dtype, geometry, images, kernels)
    choices = try Storage(byteCount: max(1, images * (geometry.positions * geometry.channels + 16)))
  }

  /// y = the largest of each window of x; padding never wins, NaN does.
  public func largest(_ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer) {
    forEachImage(kernels.largest, x, geometry.imageSize, y, resultSize, false)
  }

  /// y (+)= x where the last call of `largest` found it.
  public func chosen(_ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ accumulate: Bool) {
    forEachImage(kernels.chosen, x, geometry.imageSize, y, resultSize, accumulate)
  }

  /// The adjoint of `chosen`.
  public func adjoint(_ y: UnsafeRawPointer, _ x: UnsafeMutableRawPointer, _ accumulate: Bool) {
    let g = geometry
    let tiles =
      g.padX == 0 && g.padY == 0 && g.strideX == g.kernelWidth && g.strideY == g.kernelHeight
      && g.width == g.outputWidth * g.kernelWidth && g.height == g.outputHeight * g.kernelHeight
    if tiles && !accumulate {
      forEachImage(kernels.adjointOfTiles, y, resultSize, x, g.imageSize, false)
    } else {
      if !accumulate { fill(dtype.scalar, x, images * g.imageSize, 0) }
      forEachImage(kernels.adjoint, y, resultSize, x, g.imageSize, true)
    }
  }

  private func forEachImage(
    _ kernel: PoolKernels.Kernel, _ from: UnsafeRawPointer, _ fromSize: Int, _ to: UnsafeMutableRawPointer,
    _ toSize: Int, _ accumulate: Bool
  ) {
    let (g, size) = (geometry, dtype.byteCount)
    let choice = choices.pointer.assumingMemoryBound(to: UInt8.self)
    ThreadPool.shared.run(images) { image in
      var pool = cv_pool()
      pool.from = from + image * fromSize * size
      pool.to = to + image * toSize * size
      pool.choices = choice + image * choiceBytes
      (pool.height, pool.width, pool.channels) = (Int64(g.height), Int64(g.width), Int64(g.channels))
      (pool.out_height, pool.out_width) = (Int64(g.outputHeight), Int64(g.outputWidth))
      (pool.kernel_height, pool.kernel_width) = (Int64(g.kernelHeight), Int64(g.kernelWidth))
      (pool.stride_y, pool.stride_x) = (Int64(g.strideY), Int64(g.strideX))
      (pool.pad_y, pool.pad_x) = (Int64(g.padY), Int64(g.padX))
      pool.accumulate = accumulate ? 1 : 0
      kernel(&pool)
    }
  }
}
