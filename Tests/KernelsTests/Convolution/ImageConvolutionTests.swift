import TestSupport
import XCTest

@testable import Kernels

/// Convolution with a lane for each image, where this processor has it, against loops, whatever the library would choose.
final class ImageConvolutionTests: XCTestCase {
  private func check(_ p: ConvolutionProblem, accumulate: Bool) {
    func check<T: Scalar>(_: T.Type) {
      for (i, kernels) in ConvolutionKernels.all(T.dtype).enumerated() {
        p.check(
          T.self, accumulate: accumulate,
          { directForward(T.self, kernels, $0, $1, $2, $3, $4, $5, $6, .images) },
          { directInputGradient(T.self, kernels, $0, $1, $2, $3, $4, $5, $6, .images) },
          { directWeightGradient(T.self, kernels, $0, $1, $2, $3, $4, $5, $6) }, "kernels \(i)")
      }
    }
    for type in scalarTypes { check(type) }
  }

  /// Every height of a tile and groups of tiles.
  func testNumbersOfOutputs() {
    for outputs in 1...20 {
      let g = WindowGeometry(
        height: 4, width: 7, channels: 1 + outputs % 3, kernel: (3, 2), stride: (1, 1), padding: (1, 0))
      check(ConvolutionProblem(g, images: 17, outputs: outputs), accumulate: outputs % 2 == 0)
    }
  }

  /// Whole and partial vectors of images; rows around the widths of tiles and vectors.
  func testNumbersOfImagesAndWidths() {
    for (i, images) in [0, 1, 15, 16, 17, 32, 40].enumerated() {
      for width in [1, 2, 3, 5, 8, 15, 16, 17] {
        let g = WindowGeometry(
          height: 3, width: width, channels: 1 + i % 2, kernel: (2, 3), stride: (1, 1), padding: (0, 1))
        check(ConvolutionProblem(g, images: images, outputs: 3), accumulate: width % 2 == 0)
      }
    }
  }

  /// More rows than one task takes.
  func testTallImages() {
    let g = WindowGeometry(
      height: 90, width: 60, channels: 1, kernel: (3, 3), stride: (1, 1), padding: (0, 1))
    check(ConvolutionProblem(g, images: 16, outputs: 2), accumulate: false)
  }

  func testRandomGeometries() {
    var numbers = Numbers(seed: 24)
    for _ in 0..<60 {
      func upTo(_ most: Int) -> Int { 1 + numbers.integer(below: most) }
      let (kernel, dilation) = ((upTo(5), upTo(5)), (upTo(2), upTo(3)))
      let padding = (upTo(5) - 1, upTo(5) - 1)
      let g = WindowGeometry(
        height: max(upTo(9), (kernel.0 - 1) * dilation.0 + 1 - 2 * padding.0),
        width: max(upTo(15), (kernel.1 - 1) * dilation.1 + 1 - 2 * padding.1), channels: upTo(6),
        kernel: kernel, stride: (upTo(3), upTo(3)), padding: padding, dilation: dilation)
      check(ConvolutionProblem(g, images: upTo(20), outputs: upTo(14)), accumulate: upTo(2) == 1)
    }
  }

  /// A NaN in one image reaches no other, whatever lies beside it.
  func testNaNStaysInItsImage() {
    let g = WindowGeometry(height: 3, width: 3, channels: 3, kernel: (2, 2), stride: (1, 1), padding: (1, 1))
    let p = ConvolutionProblem(g, images: 18, outputs: 5)
    var x = p.x
    for i in (5 * g.imageSize)..<(6 * g.imageSize) { x[i] = .nan }
    func check<T: Scalar>(_: T.Type) {
      for kernels in ConvolutionKernels.all(T.dtype) {
        let y = Buffer<T>(count: p.gy.count)
        directForward(
          T.self, kernels, g, 18, 5, Buffer<T>(x).pointer, Buffer<T>(p.w).pointer, y.pointer, false, .images)
        for (i, value) in y.values.enumerated() {
          XCTAssertEqual(value.isNaN, i / (g.positions * 5) == 5)
        }
      }
    }
    for type in scalarTypes { check(type) }
  }
}
