import TestSupport
import XCTest

@testable import Kernels

final class PoolingTests: XCTestCase {
  private let geometries = [
    WindowGeometry(height: 4, width: 6, channels: 3, kernel: (2, 2), stride: (2, 2), padding: (0, 0)),
    WindowGeometry(height: 5, width: 5, channels: 2, kernel: (3, 2), stride: (2, 1), padding: (1, 0)),
    WindowGeometry(height: 3, width: 4, channels: 17, kernel: (2, 2), stride: (1, 1), padding: (1, 1)),
    WindowGeometry(height: 6, width: 6, channels: 20, kernel: (2, 2), stride: (2, 2), padding: (0, 0)),
    WindowGeometry(height: 9, width: 8, channels: 6, kernel: (3, 3), stride: (2, 2), padding: (1, 1)),
    WindowGeometry(height: 1, width: 1, channels: 1, kernel: (1, 1), stride: (1, 1), padding: (0, 0)),
  ]
  private let images = 2

  /// Input positions that each output sees, in the order of the window.
  private func windows(_ g: WindowGeometry) -> [[Int]] {
    var all: [[Int]] = []
    for image in 0..<images {
      for oy in 0..<g.outputHeight {
        for ox in 0..<g.outputWidth {
          for c in 0..<g.channels {
            var window: [Int] = []
            for ky in 0..<g.kernelHeight {
              for kx in 0..<g.kernelWidth {
                if let at = WindowTests.seen(g, oy, ox, ky, kx, c) { window.append(image * g.imageSize + at) }
              }
            }
            all.append(window)
          }
        }
      }
    }
    return all
  }

  private func largest<T: Scalar>(_: T.Type, _ g: WindowGeometry, _ x: [Double]) -> [Int] {
    let windows = windows(g)
    var indices = [Int32](repeating: -1, count: windows.count)
    maxPoolIndices(T.self, g, images, Buffer<T>(x).pointer, &indices)
    return indices.map(Int.init)
  }

  func testTheLargestOfEachWindow() {
    var numbers = Numbers(seed: 9)
    for g in geometries {
      // Negative throughout: padding would win as 0.
      let x = numbers.array(images * g.imageSize).map { $0 - 2 }
      let wanted = windows(g).map { window in window.max { x[$0] < x[$1] }! }
      for type in scalarTypes { XCTAssertEqual(largest(type, g, x), wanted, "\(g)") }
    }
  }

  func testOfEqualsTheFirstAndNaNBeforeAll() {
    let g = WindowGeometry(height: 2, width: 2, channels: 1, kernel: (2, 2), stride: (2, 2), padding: (0, 0))
    XCTAssertEqual(largest(Float.self, g, [1, 3, 3, 0, 2, .nan, 9, .nan]), [1, 5])
    XCTAssertEqual(largest(Double.self, g, [.nan, 3, .nan, 0, -5, -5, -5, -5]), [0, 4])
  }

  private func checkAverage<T: Scalar>(_: T.Type, _ g: WindowGeometry, accumulate: Bool) {
    var numbers = Numbers(seed: 10)
    let windows = windows(g)
    let size = Double(g.kernelHeight * g.kernelWidth)
    let x = numbers.array(images * g.imageSize)
    let (y, gx) = (numbers.array(windows.count), numbers.array(x.count))
    let out = accumulate ? Buffer<T>(y) : Buffer<T>(count: y.count)
    averagePool(T.self, g, images, Buffer<T>(x).pointer, out.pointer, accumulate)
    let means = windows.map { window in window.reduce(0) { $0 + x[$1] } / size }
    expectClose(T.self, out.values, accumulate ? zip(y, means).map(+) : means)
    let back = Buffer<T>(gx)
    averagePoolAdjoint(T.self, g, images, Buffer<T>(y).pointer, back.pointer)
    var wanted = gx
    for (window, value) in zip(windows, y) { for at in window { wanted[at] += value / size } }
    expectClose(T.self, back.values, wanted)
  }

  func testAveragesAndTheirAdjoint() {
    for g in geometries {
      for accumulate in [false, true] {
        for type in scalarTypes { checkAverage(type, g, accumulate: accumulate) }
      }
    }
  }
}
