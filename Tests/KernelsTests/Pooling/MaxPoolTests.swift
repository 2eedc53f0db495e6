import TestSupport
import XCTest

@testable import Kernels

/// Max-pooling of every instruction set that this processor has, against loops.
final class MaxPoolTests: XCTestCase {
  private let images = 3

  private func geometry(
    _ height: Int, _ width: Int, _ channels: Int, _ kernel: (Int, Int), _ stride: (Int, Int),
    _ padding: (Int, Int) = (0, 0)
  ) -> WindowGeometry {
    WindowGeometry(
      height: height, width: width, channels: channels, kernel: kernel, stride: stride, padding: padding)
  }

  /// Place of the first of the largest of each window; NaN counts as larger than all.
  private func places(_ g: WindowGeometry, _ x: [Double]) -> [Int] {
    var all: [Int] = []
    for image in 0..<images {
      for oy in 0..<g.outputHeight {
        for ox in 0..<g.outputWidth {
          for c in 0..<g.channels {
            var best = -1
            for ky in 0..<g.kernelHeight {
              for kx in 0..<g.kernelWidth {
                guard let inside = WindowTests.seen(g, oy, ox, ky, kx, c) else { continue }
                let at = image * g.imageSize + inside
                if best < 0 || x[at] > x[best] || (x[at].isNaN && !x[best].isNaN) { best = at }
              }
            }
            all.append(best)
          }
        }
      }
    }
    return all
  }

  private func check(_ g: WindowGeometry, _ x: [Double], _ seed: UInt64) {
    let places = places(g, x)
    var numbers = Numbers(seed: seed)
    let (u, gy, gx, y) = (
      numbers.array(x.count), numbers.array(places.count), numbers.array(x.count), numbers.array(places.count)
    )
    func check<T: Scalar>(_: T.Type) {
      for (i, kernels) in PoolKernels.all(T.dtype).enumerated() {
        let label = "\(T.self) kernels \(i), \(g)"
        let pool = try! MaxPool(T.dtype, g, images: images, kernels)
        sameBitsForAnyThreads(label) {
          let out = Buffer<T>(count: places.count)
          pool.largest(Buffer<T>(x).pointer, out.pointer)
          expectClose(T.self, out.values, places.map { x[$0] }, units: 0, label)
          return out.values
        }
        for accumulate in [false, true] {
          let chosen = accumulate ? Buffer<T>(y) : Buffer<T>(count: places.count)
          pool.chosen(Buffer<T>(u).pointer, chosen.pointer, accumulate)
          expectClose(
            T.self, chosen.values, places.indices.map { (accumulate ? y[$0] : 0) + u[places[$0]] },
            units: 1, label)
          let pulled = sameBitsForAnyThreads(label) {
            let back = accumulate ? Buffer<T>(gx) : Buffer<T>(count: x.count)
            pool.adjoint(Buffer<T>(gy).pointer, back.pointer, accumulate)
            return back.values
          }
          var wanted = accumulate ? gx : gx.map { _ in 0 }
          for (place, value) in zip(places, gy) { wanted[place] += value }
          expectClose(T.self, pulled, wanted, units: 8, label)
        }
      }
    }
    for type in scalarTypes { check(type) }
  }

  /// Windows side by side, with rests, apart, overlapping, in padding, and as large as can be; channels around the vectors'.
  func testGeometries() {
    var numbers = Numbers(seed: 41)
    for channels in [1, 2, 6, 15, 16, 17, 20, 33, 50] {
      for g in [
        geometry(4, 6, channels, (2, 2), (2, 2)), geometry(5, 7, channels, (2, 2), (2, 2)),
        geometry(6, 6, channels, (3, 3), (3, 3)), geometry(7, 5, channels, (3, 2), (2, 1), (1, 0)),
        geometry(3, 4, channels, (2, 2), (1, 1), (1, 1)), geometry(5, 5, channels, (1, 1), (2, 3)),
        geometry(9, 8, channels, (3, 3), (2, 2), (1, 1)), geometry(1, 1, channels, (1, 1), (1, 1)),
      ] {
        // Negative throughout: padding would win as 0. Of few values, so that there are ties.
        let x = (0..<(images * g.imageSize)).map { _ in Double(numbers.integer(below: 5)) - 7 }
        check(g, x, UInt64(channels))
      }
    }
    let wide = geometry(17, 18, 3, (16, 16), (1, 2))
    check(wide, numbers.array(images * wide.imageSize), 7)
  }

  func testNaNBeforeAllAndNoChannels() {
    var numbers = Numbers(seed: 42)
    let g = geometry(6, 6, 20, (2, 2), (2, 2))
    var x = numbers.array(images * g.imageSize)
    for i in x.indices where numbers.integer(below: 4) == 0 { x[i] = i % 8 == 0 ? .infinity : .nan }
    check(g, x, 8)
    check(geometry(4, 4, 0, (2, 2), (2, 2)), [], 9)
  }
}
