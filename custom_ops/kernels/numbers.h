// The type in which values of an element type are summed, and types handed to a function as values.
#pragma once

namespace geocompile {

template <class T>
struct SumType {
  using type = float;  // halves too
};

template <>
struct SumType<double> {
  using type = double;
};

// What values of type T are computed and summed in.
template <class T>
using Sum = typename SumType<T>::type;

template <class T>
struct Type {
  using type = T;
};

}  // namespace geocompile
