import '../styles/wall.css';
import { mount } from 'svelte';
import Wall from './Wall.svelte';

const asked = new URLSearchParams(location.search);
document.documentElement.dataset['theme'] = asked.get('theme') === 'day' ? 'day' : 'dark';

mount(Wall, { target: document.body });
