import TestSupport
import XCTest

@testable import Kernels

/// Convolution by planes of every instruction set that this processor has, against loops, whatever the library would
/// choose.
final class PlaneConvolutionTests: XCTestCase {
  private func check(_ p: ConvolutionProblem, accumulate: Bool) {
    for pass in TapPass.inputGradient(p.g, p.outputs) + [TapPass(forward: p.g, p.outputs, 0)] {
      XCTAssertTrue(pass.allowsPlanes || pass.depth == 0)
    }
    func check<T: Scalar>(_: T.Type) {
      for (i, kernels) in ConvolutionKernels.all(T.dtype).enumerated() {
        p.check(
          T.self, accumulate: accumulate,
          { directForward(T.self, kernels, $0, $1, $2, $3, $4, $5, $6, .planes) },
          { directInputGradient(T.self, kernels, $0, $1, $2, $3, $4, $5, $6, .planes) },
          { directWeightGradient(T.self, kernels, $0, $1, $2, $3, $4, $5, $6, .planes) }, "kernels \(i)")
      }
    }
    for type in scalarTypes { check(type) }
  }

  /// Every height of a tile, groups of tiles, and the ways to turn planes into pixels.
  func testNumbersOfOutputs() {
    for outputs in 1...33 {
      let g = WindowGeometry(
        height: 5, width: 7, channels: 1 + outputs % 3, kernel: (3, 2), stride: (1, 1), padding: (1, 0))
      check(ConvolutionProblem(g, images: 2, outputs: outputs), accumulate: outputs % 2 == 0)
    }
  }

  func testNumbersOfChannels() {
    for channels in [1, 2, 3, 4, 5, 15, 16, 17, 18, 35] {
      let g = WindowGeometry(
        height: 4, width: 18, channels: channels, kernel: (2, 3), stride: (1, 1), padding: (1, 2))
      check(ConvolutionProblem(g, images: 2, outputs: 3), accumulate: channels % 2 == 0)
    }
  }

  /// Rows around the widths of vectors and tiles; with more images, several in a task and tasks of several rows.
  func testWidthsAndNumbersOfImages() {
    for (i, width) in [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 65].enumerated() {
      for images in [1, 20] {
        let g = WindowGeometry(
          height: 4, width: width, channels: 1, kernel: (3, 1 + i % 3), stride: (1, 1), padding: (1, 1))
        check(ConvolutionProblem(g, images: images, outputs: 6), accumulate: images > 1)
      }
    }
  }

  /// More rows than one task takes.
  func testTallImages() {
    let g = WindowGeometry(
      height: 150, width: 90, channels: 1, kernel: (3, 3), stride: (1, 1), padding: (0, 1))
    check(ConvolutionProblem(g, images: 1, outputs: 2), accumulate: false)
  }

  func testRandomGeometries() {
    var numbers = Numbers(seed: 22)
    for _ in 0..<60 {
      func upTo(_ most: Int) -> Int { 1 + numbers.integer(below: most) }
      let (kernel, dilation) = ((upTo(5), upTo(5)), (upTo(3), upTo(3)))
      let padding = (upTo(5) - 1, upTo(5) - 1)
      let groups = upTo(3)
      let g = WindowGeometry(
        height: max(upTo(12), (kernel.0 - 1) * dilation.0 + 1 - 2 * padding.0),
        width: max(upTo(40), (kernel.1 - 1) * dilation.1 + 1 - 2 * padding.1), channels: groups * upTo(4),
        kernel: kernel, stride: (1, 1), padding: padding, dilation: dilation, groups: groups)
      check(ConvolutionProblem(g, images: upTo(4) - 1, outputs: groups * upTo(24)), accumulate: upTo(2) == 1)
    }
  }

  /// A NaN in one image reaches no other, whatever the tiles read beyond their own.
  func testNaNStaysInItsImage() {
    let g = WindowGeometry(height: 3, width: 3, channels: 1, kernel: (2, 2), stride: (1, 1), padding: (1, 1))
    let p = ConvolutionProblem(g, images: 3, outputs: 5)
    var x = p.x
    for i in (2 * g.imageSize)..<(3 * g.imageSize) { x[i] = .nan }
    func check<T: Scalar>(_: T.Type) {
      for kernels in ConvolutionKernels.all(T.dtype) {
        let y = Buffer<T>(count: p.gy.count)
        directForward(
          T.self, kernels, g, 3, 5, Buffer<T>(x).pointer, Buffer<T>(p.w).pointer, y.pointer, false, .planes)
        let perImage = g.positions * 5
        XCTAssertTrue(y.values[..<(2 * perImage)].allSatisfy { $0.isFinite })
        XCTAssertTrue(y.values[(2 * perImage)...].allSatisfy { $0.isNaN })
      }
    }
    for type in scalarTypes { check(type) }
  }
}
