import CVector
import Vocabulary

/// n numbers uniform on [0, 1): as many equally likely values as the mantissa has.
@specialized(where T == Float)
@specialized(where T == Double)
public func drawUniform<T: Scalar>(_: T.Type, _ generator: Philox, _ out: UnsafeMutableRawPointer, _ n: Int) {
  let out = out.assumingMemoryBound(to: T.self)
  let perCounter = MemoryLayout<T>.stride == 4 ? 4 : 2
  parallelRanges((n + perCounter - 1) / perCounter) { low, high in
    for counter in low..<high {
      let words = generator.words(UInt64(counter))
      let first = counter &* perCounter
      for i in 0..<min(perCounter, n &- first) {
        out[first &+ i] = perCounter == 4 ? T(Double(words[i] >> 8) * 0x1p-24) : T(uniform(words, i))
      }
    }
  }
}

/// n standard normal numbers, two from each counter by the transform of Box and Muller (1958).
@specialized(where T == Float)
@specialized(where T == Double)
public func drawNormal<T: Scalar>(_: T.Type, _ generator: Philox, _ out: UnsafeMutableRawPointer, _ n: Int) {
  let out = out.assumingMemoryBound(to: T.self)
  parallelRanges((n + 1) / 2) { low, high in
    for counter in low..<high {
      let words = generator.words(UInt64(counter))
      // 1 - u lies in (0, 1], where the logarithm is finite.
      let radius = (-2 * logarithm(1 - uniform(words, 0))).squareRoot()
      let angle = 2 * Double.pi * uniform(words, 1)
      out[2 &* counter] = T(radius * cv_cos(angle))
      if 2 &* counter &+ 1 < n { out[2 &* counter &+ 1] = T(radius * cv_sin(angle)) }
    }
  }
}

/// One of the two numbers of 53 bits in four words.
@inline(__always)
private func uniform(_ words: SIMD4<UInt32>, _ i: Int) -> Double {
  Double((UInt64(words[2 &* i]) << 32 | UInt64(words[2 &* i &+ 1])) >> 11) * 0x1p-53
}
